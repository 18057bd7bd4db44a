/* What stands in for an installer that is quiet: with /quiet it puts a file into the folder of programs and a value
   into the registry, and ends with 3010, "done, but a restart is wanted", as installers of runtimes do. Without
   /quiet it ends with 1602, as when somebody has cancelled it. */

#include <windows.h>
#include <string.h>

int main(int count, char **values)
{
    if (count < 2 || strcmp(values[1], "/quiet") != 0)
        return ERROR_INSTALL_USEREXIT;
    HANDLE file = CreateFileA("C:\\Program Files\\installed.txt", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return ERROR_INSTALL_FAILURE;
    CloseHandle(file);
    if (RegSetKeyValueA(HKEY_LOCAL_MACHINE, "Software\\Installed", "Version", REG_SZ, "1.0", 4) != ERROR_SUCCESS)
        return ERROR_INSTALL_FAILURE;
    return ERROR_SUCCESS_REBOOT_REQUIRED;
}
