"""The command ``gradviz``. Torch is imported by what needs it, once it runs."""
