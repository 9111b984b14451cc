-- Lets a suspended job go on, in a new attempt unless its run had ended by itself.
obj.spec.suspend = false
return obj
