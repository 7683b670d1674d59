"""Spec → Plan: builds, what their figures depend on, what is stale."""
