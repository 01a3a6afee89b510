"""What is computed from a trace or from an oracle for the gradient."""
