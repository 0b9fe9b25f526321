"""The site in a real browser, served as in production: gunicorn, hashed static files, local disk or a real S3 store."""
