"""users-api: the public REST API for users."""
