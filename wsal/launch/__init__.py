"""Work on shards: a pure function for each, sealed outputs, and what schedules them."""
