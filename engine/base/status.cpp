#include "vmbsave/status.hpp"

namespace vmbsave {

const char* status_name(Status status) noexcept {
  switch (status) {
    case Status::kSuccess:
      return "STATUS_SUCCESS";
    case Status::kPending:
      return "STATUS_PENDING";
    case Status::kBufferOverflow:
      return "STATUS_BUFFER_OVERFLOW";
    case Status::kDeviceBusy:
      return "STATUS_DEVICE_BUSY";
    case Status::kUnsuccessful:
      return "STATUS_UNSUCCESSFUL";
    case Status::kInvalidHandle:
      return "STATUS_INVALID_HANDLE";
    case Status::kInvalidParameter:
      return "STATUS_INVALID_PARAMETER";
    case Status::kInvalidDeviceRequest:
      return "STATUS_INVALID_DEVICE_REQUEST";
    case Status::kMoreProcessingRequired:
      return "STATUS_MORE_PROCESSING_REQUIRED";
    case Status::kBufferTooSmall:
      return "STATUS_BUFFER_TOO_SMALL";
    case Status::kAccessDenied:
      return "STATUS_ACCESS_DENIED";
    case Status::kObjectNameNotFound:
      return "STATUS_OBJECT_NAME_NOT_FOUND";
    case Status::kObjectNameCollision:
      return "STATUS_OBJECT_NAME_COLLISION";
    case Status::kDataError:
      return "STATUS_DATA_ERROR";
    case Status::kCrcError:
      return "STATUS_CRC_ERROR";
    case Status::kQuotaExceeded:
      return "STATUS_QUOTA_EXCEEDED";
    case Status::kRevisionMismatch:
      return "STATUS_REVISION_MISMATCH";
    case Status::kInsufficientResources:
      return "STATUS_INSUFFICIENT_RESOURCES";
    case Status::kIoTimeout:
      return "STATUS_IO_TIMEOUT";
    case Status::kInvalidParameter1:
      return "STATUS_INVALID_PARAMETER_1";
    case Status::kInvalidParameter2:
      return "STATUS_INVALID_PARAMETER_2";
    case Status::kInvalidParameter3:
      return "STATUS_INVALID_PARAMETER_3";
    case Status::kCancelled:
      return "STATUS_CANCELLED";
    case Status::kUnhandledException:
      return "STATUS_UNHANDLED_EXCEPTION";
    case Status::kInvalidImageFormat:
      return "STATUS_INVALID_IMAGE_FORMAT";
    case Status::kInvalidDeviceState:
      return "STATUS_INVALID_DEVICE_STATE";
    case Status::kUnexpectedIoError:
      return "STATUS_UNEXPECTED_IO_ERROR";
    case Status::kConnectionDisconnected:
      return "STATUS_CONNECTION_DISCONNECTED";
    case Status::kInvalidBufferSize:
      return "STATUS_INVALID_BUFFER_SIZE";
  }
  return "an NTSTATUS of the VSP";
}

}  // namespace vmbsave
