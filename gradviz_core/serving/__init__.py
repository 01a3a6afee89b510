"""What stands before Streamlit in the app's server: plain ASGI, without Streamlit and without torch."""
