"""Runs `SeedJob` resources of a Kubernetes cluster as batch jobs on the Seed platform."""
