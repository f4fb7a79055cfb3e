"""Asks an AWS account, read-only, whether this stack can be deployed to it."""
