"""The version of the agent, which is that of the distribution."""

VERSION = "0.1.0"
