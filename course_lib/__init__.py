"""Attention in convolutional networks: the reference implementation behind the course."""
