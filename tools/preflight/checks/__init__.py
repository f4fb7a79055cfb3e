"""The checks, one module for each part of the account."""

from preflight.checks import cluster, connect, database, functions, gateway, msk, names, network, operation, stacks, vpc

CHECKS = [
    *stacks.CHECKS,
    *network.CHECKS,
    *vpc.CHECKS,
    *msk.CHECKS,
    *cluster.CHECKS,
    *functions.CHECKS,
    *gateway.CHECKS,
    *database.CHECKS,
    *connect.CHECKS,
    *operation.CHECKS,
    *names.CHECKS,
]
