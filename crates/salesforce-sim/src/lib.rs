//! Simulator of Salesforce as it is documented to behave; knows no client of this project.
