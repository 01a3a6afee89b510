"""Models of other libraries with random weights, exported as ``.pt2`` files and read back."""
