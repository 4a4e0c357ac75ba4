"""The classifier: an encoder with a head, its training, its inference. torch lives here."""
