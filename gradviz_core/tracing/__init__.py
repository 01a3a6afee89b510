"""The exact core: a traced forward pass and its gradients. Of this package it imports only types and errors."""
