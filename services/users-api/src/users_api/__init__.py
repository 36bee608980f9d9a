"""users-api: the public edge, users over REST."""
