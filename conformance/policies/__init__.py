"""Policies: what an implementation is free to choose, declares, and keeps.

`policy` says what a policy is; the tables of `batches`, `indices`, `shares`, `labels`, `numbers`,
and `precision` ask for them; `declarations` reads `policies/<framework>.yaml`, `observe` runs an
adapter, `run` compares the two, and `propose` writes what is not declared.
"""

from __future__ import annotations

from conformance.policies import batches, indices, labels, numbers, precision, shares
from conformance.policies.policy import Policy

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for table in (batches, indices, shares, labels, numbers, precision)
    for policy in table.POLICIES
}
"""Every policy by name, in the order in which they are shown."""

__all__ = ["POLICIES", "Policy"]
