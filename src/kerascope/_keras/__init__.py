"""The one place that reaches beyond Keras's public API: what Keras does not offer has a named function here."""
