"""From an answer to fields, figures and words. No torch."""
