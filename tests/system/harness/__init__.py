# SPDX-License-Identifier: Apache-2.0
"""What the system tests stand on: real programs as child processes, every one ended by its pid, every wait bounded."""
