"""Small changes of the user's source, tried on fresh objects: what passes is offered, nothing is ever applied."""
