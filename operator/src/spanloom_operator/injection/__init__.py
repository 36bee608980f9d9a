"""From one Deployment and its profiles to one decision. Pure: no client, no clock, no environment."""
