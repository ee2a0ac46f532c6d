"""Networks with a slot for an attention mechanism."""
