// SPDX-License-Identifier: Apache-2.0
// The process's share of the box's memory.
// What it does not do: allocate, or touch anything that the process has written.
#pragma once

namespace tributary::base {

// Lets go of the pages of program code and constants, the libraries' too. Most of them were needed at the start alone
// (reading the configuration, the libraries' own preparations), and while a process has them mapped the kernel keeps
// them longer than what others could use the memory for. Those that are still wanted come back by a minor fault, a
// few hundred in all. Any thread, at any time; where the kernel refuses, nothing happens.
void unmap_code();

}  // namespace tributary::base
