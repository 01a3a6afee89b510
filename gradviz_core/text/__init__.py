"""What is said as text and bytes: questions, answers and errors; names from outside as they may be shown; the log."""
