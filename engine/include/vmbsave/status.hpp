/// @file status.hpp
/// What engine operations return. Values are NTSTATUS values, so that a VSP's own status travels unchanged.
#pragma once

#include <cstdint>

#ifndef _WIN32
#pragma GCC visibility push(default)  // a shared library exports what is declared from here on
#endif

/// The engine, for C++ programs.
namespace vmbsave {

/// What became of an operation.
enum class [[nodiscard]] Status : std::int32_t{
    kSuccess = 0,                                                      ///< done
    kPending = 0x00000103,                                             ///< not yet
    kBufferOverflow = static_cast<std::int32_t>(0x80000005u),          ///< part was written, more remains
    kDeviceBusy = static_cast<std::int32_t>(0x80000011u),              ///< a save runs
    kUnsuccessful = static_cast<std::int32_t>(0xC0000001u),            ///< failed
    kInvalidHandle = static_cast<std::int32_t>(0xC0000008u),           ///< no such object
    kInvalidParameter = static_cast<std::int32_t>(0xC000000Du),        ///< an argument is wrong
    kInvalidDeviceRequest = static_cast<std::int32_t>(0xC0000010u),    ///< a callback broke its contract
    kMoreProcessingRequired = static_cast<std::int32_t>(0xC0000016u),  ///< taken, more chunks were saved
    kBufferTooSmall = static_cast<std::int32_t>(0xC0000023u),          ///< nothing was written
    kAccessDenied = static_cast<std::int32_t>(0xC0000022u),            ///< a file may not be used
    kObjectNameNotFound = static_cast<std::int32_t>(0xC0000034u),      ///< no such file
    kObjectNameCollision = static_cast<std::int32_t>(0xC0000035u),     ///< a transaction id twice in one image
    kDataError = static_cast<std::int32_t>(0xC000003Eu),               ///< an image contradicts itself
    kCrcError = static_cast<std::int32_t>(0xC000003Fu),                ///< a chunk's checksum does not match
    kQuotaExceeded = static_cast<std::int32_t>(0xC0000044u),           ///< more packets or channels than the limit
    kRevisionMismatch = static_cast<std::int32_t>(0xC0000059u),       ///< an image version or feature that is not known
    kInsufficientResources = static_cast<std::int32_t>(0xC000009Au),  ///< no memory, or no room
    kIoTimeout = static_cast<std::int32_t>(0xC00000B5u),              ///< the save's deadline passed
    kInvalidParameter1 = static_cast<std::int32_t>(0xC00000EFu),      ///< the first argument is wrong
    kInvalidParameter2 = static_cast<std::int32_t>(0xC00000F0u),      ///< the second
    kInvalidParameter3 = static_cast<std::int32_t>(0xC00000F1u),      ///< the third
    kCancelled = static_cast<std::int32_t>(0xC0000120u),              ///< somebody cancelled the save
    kUnhandledException = static_cast<std::int32_t>(0xC0000144u),     ///< a C++ callback threw
    kInvalidImageFormat = static_cast<std::int32_t>(0xC000007Bu),     ///< not an image
    kInvalidDeviceState = static_cast<std::int32_t>(0xC0000184u),     ///< calls out of order
    kUnexpectedIoError = static_cast<std::int32_t>(0xC00000E9u),      ///< a disk, a socket or a pipe failed
    kInvalidBufferSize = static_cast<std::int32_t>(0xC0000206u),      ///< a packet's state is larger than the limit
    kConnectionDisconnected = static_cast<std::int32_t>(0xC000020Cu),  ///< the other end is gone
};

/// NT_SUCCESS: informational codes succeed, warnings and errors do not.
///
/// @param status  any
/// @return whether it is a success
constexpr bool succeeded(Status status) noexcept { return static_cast<std::int32_t>(status) >= 0; }

/// The documented name of a status.
///
/// @param status  any
/// @return such as "STATUS_BUFFER_TOO_SMALL"; "an NTSTATUS of the VSP" for values that the engine does not use
const char* status_name(Status status) noexcept;

}  // namespace vmbsave

#ifndef _WIN32
#pragma GCC visibility pop
#endif
