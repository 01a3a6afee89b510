"""From a target to the scalar that is differentiated."""
