"""Direct uploads: from a browser or a phone straight to the storage, past the application."""
