"""Measurements that are run by hand; nothing in the course depends on them."""
