"""users-db-service: an internal REST API for users in PostgreSQL."""
