"""Diagnosis of a running system: probes, rules, findings."""
