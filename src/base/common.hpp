// SPDX-License-Identifier: Apache-2.0
// What nearly every file includes, compiled once (TRIBUTARY_PCH). No file may lean on it: each includes what it uses,
// and builds without precompiled headers, the packages' among them, check that.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
