"""How people answer: page, terminal, sheets, other tools; and the journal of what they answered."""
