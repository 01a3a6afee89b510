"""What a person can do next, said the same way by every reader of exported programs."""

AGAIN = "Export the model again."
REWRITE = "Rewrite that part of the model, and export it again."
