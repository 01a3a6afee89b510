"""The exact core: a forward pass, watched, and its gradients. It imports types and errors, and nothing else of ours."""
