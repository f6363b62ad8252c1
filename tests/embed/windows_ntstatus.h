/* <windows.h> and <ntstatus.h> in the order that lets a program have all statuses. */
#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <winternl.h>

#include <ntstatus.h>
