# SPDX-License-Identifier: Apache-2.0
# Debian riscv64, from trixie on. Second tier: no board is promised, and no test run names it by itself.
set(TRIBUTARY_TRIPLET riscv64-linux-gnu)
set(TRIBUTARY_PROCESSOR riscv64)
set(TRIBUTARY_QEMU qemu-riscv64-static)
set(TRIBUTARY_QEMU_CPU rv64)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
