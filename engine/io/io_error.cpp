#include "io/io_error.hpp"

#include <cerrno>

namespace vmbsave::io {

Status status_of(int error) noexcept {
  switch (error) {
    case 0:
      return Status::kSuccess;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
      return Status::kInsufficientResources;
    case ETIMEDOUT:  // ours, or TCP's own
      return Status::kIoTimeout;
    case ECANCELED:  // ours
      return Status::kCancelled;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
      return Status::kConnectionDisconnected;
    case ENOENT:
    case ENOTDIR:
      return Status::kObjectNameNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return Status::kAccessDenied;
    case EISDIR:
    case ESPIPE:
      return Status::kInvalidParameter;
    default:
      return Status::kUnexpectedIoError;
  }
}

IoError failure(IoStep step, int error, std::uint64_t offset) noexcept {
  return {.status = status_of(error), .step = step, .error = error, .offset = offset};
}

Status out_of_order(IoError& first, std::uint64_t offset) noexcept {
  if (first.status == Status::kSuccess) first = {.status = Status::kInvalidDeviceState, .offset = offset};
  return first.status;
}

const char* io_step_name(IoStep step) noexcept {
  switch (step) {
    case IoStep::kNone:
      return "none";
    case IoStep::kOpen:
      return "open";
    case IoStep::kRead:
      return "read";
    case IoStep::kWrite:
      return "write";
    case IoStep::kSync:
      return "sync";
    case IoStep::kRename:
      return "rename";
    case IoStep::kSyncDirectory:
      return "sync directory";
    case IoStep::kWait:
      return "wait";
  }
  return "unknown";
}

}  // namespace vmbsave::io
