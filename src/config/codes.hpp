// SPDX-License-Identifier: Apache-2.0
// The error codes of this room; docs/errors.md explains each. TRB-CONFIG-010 (a duration or size that cannot be read)
// is made in base/units.cpp. Static data.
#pragma once

namespace tributary::config {

inline constexpr const char* kFile = "TRB-CONFIG-001";      // a file or folder cannot be read
inline constexpr const char* kSyntax = "TRB-CONFIG-002";    // not TOML
inline constexpr const char* kUnknown = "TRB-CONFIG-003";   // no such key, table or option
inline constexpr const char* kType = "TRB-CONFIG-004";      // wrong type
inline constexpr const char* kValue = "TRB-CONFIG-005";     // outside the range or not one of the choices
inline constexpr const char* kMissing = "TRB-CONFIG-006";   // required and not there
inline constexpr const char* kNotYet = "TRB-CONFIG-007";    // known, but not in this version
inline constexpr const char* kTwice = "TRB-CONFIG-008";     // a name used twice
inline constexpr const char* kForm = "TRB-CONFIG-009";      // a text that is no filter, URL, pointer, name, time
inline constexpr const char* kUnits = "TRB-CONFIG-010";     // no duration or size
inline constexpr const char* kConflict = "TRB-CONFIG-011";  // keys that do not go together
inline constexpr const char* kSecret = "TRB-CONFIG-012";    // warning: others can read or fake something
inline constexpr const char* kDoubtful = "TRB-CONFIG-013";  // warning: allowed, but hardly meant

}  // namespace tributary::config
