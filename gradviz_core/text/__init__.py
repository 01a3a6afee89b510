"""Text: questions, answers and errors as text and bytes; text from outside made safe to show; the log."""
