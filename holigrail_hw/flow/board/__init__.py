"""Designs on boards: bitstreams, links, self-tests."""
