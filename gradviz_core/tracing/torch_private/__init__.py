"""Names of PyTorch that it does not promise to keep: each file is about one thing that needs some, and says what
happens without them. Tried with torch 2.11 to 2.15."""
