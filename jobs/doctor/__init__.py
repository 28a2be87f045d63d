"""Diagnosis of a running system: probes ask its parts, rules check their answers, findings are the result."""
