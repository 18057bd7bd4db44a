net user serviceUser [somePassword] /add
exit /b 0
