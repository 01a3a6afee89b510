"""Bytes that strangers sent: the store, the files of models, and what running one may cost."""
