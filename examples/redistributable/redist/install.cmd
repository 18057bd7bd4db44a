@echo off
rem The file is in the pack, beside this script. A newer runtime that is there already (1638) is as good.
"%~dp0vc_redist.x64.exe" /install /quiet /norestart /log "%TEMP%\vc_redist.log"
if %ERRORLEVEL%==1638 exit /b 0
exit /b %ERRORLEVEL%
