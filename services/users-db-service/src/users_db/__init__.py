"""users-db-service: users in PostgreSQL behind a small REST service."""
