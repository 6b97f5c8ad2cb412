// tb_bulk: units of fp32 against a file, Lanes at a time, with random stalls and without Python in the loop.
//
// The file (+vectors=name) has four big-endian words for every case: a, b, c (Add: bit 0 subtracts; Compare: the order code
// expected) and the result expected; a multiple of Lanes cases. start_i after a reset begins, done_o rises after the last one.
//
// Parameters:
//   Unit, Bits  as in fp32_unit
//   Lanes       units side by side, so cases in each cycle
module tb_bulk
  import fp32_pkg::*;
#(
    parameter int unsigned Unit = 0,
    parameter int unsigned Bits = 32,
    parameter int unsigned Lanes = 16
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        start_i,
    input  logic [ 7:0] stall_i,  // probability in 1/256
    output logic        done_o,
    output logic [31:0] checked_o,
    output logic [31:0] errors_o
);
  localparam int unsigned Cycles = latency(unit_e'(Unit));
  typedef struct packed {
    logic [31:0] a;
    logic [31:0] b;
    logic [31:0] c;
    logic [31:0] y;
  } case_t;

  int file, got;
  string name;
  initial begin
    if (!$value$plusargs("vectors=%s", name)) $fatal(1, "+vectors=<file> is missing");
    file = $fopen(name, "rb");
    if (file == 0) $fatal(1, "cannot open %s", name);
  end

  logic [31:0] random_q;
  logic enable, given_q, left_q;
  logic [31:0] read[4*Lanes];
  case_t [Lanes-1:0] cases_q;
  case_t [Lanes-1:0] expected[Cycles];  // a ring: what is written comes round when the result is there
  logic [Cycles-1:0] valid_q;
  int unsigned at_q;
  logic [Lanes-1:0][31:0] y;
  logic [Lanes-1:0][1:0] order;
  assign enable = random_q[7:0] >= stall_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      random_q <= 32'h1357_9bdf;
      given_q <= 1'b0;
      left_q <= 1'b1;
      valid_q <= '0;
      at_q <= 0;
      done_o <= 1'b0;
      checked_o <= '0;
      errors_o <= '0;
    end else begin
      random_q <= {random_q[30:0], random_q[31] ^ random_q[21] ^ random_q[1] ^ random_q[0]} * 32'd1664525 + 32'd1013904223;
      if (enable && start_i) begin
        if (left_q) begin
          got = $fread(read, file);
          for (int unsigned i = 0; i < Lanes; i++) cases_q[i] <= {read[4*i], read[4*i+1], read[4*i+2], read[4*i+3]};
        end
        given_q <= left_q && got == 16 * int'(Lanes);
        left_q <= left_q && got == 16 * int'(Lanes);
        if (valid_q[Cycles-1]) begin
          checked_o <= checked_o + 32'(Lanes);
          for (int unsigned i = 0; i < Lanes; i++) begin
            if (y[i] != expected[at_q][i].y || (unit_e'(Unit) == Compare && order[i] != expected[at_q][i].c[1:0])) begin
              errors_o <= errors_o + 1;
              if (errors_o == 0)
                $display("Mismatch: a %h b %h c %h: got %h, expected %h", expected[at_q][i].a, expected[at_q][i].b,
                         expected[at_q][i].c, y[i], expected[at_q][i].y);
            end
          end
        end
        expected[at_q] <= cases_q;
        at_q <= (at_q == Cycles - 1) ? 0 : at_q + 1;
        valid_q <= Cycles'({valid_q, given_q});
        done_o <= !left_q && !given_q && valid_q == '0;
      end
    end
  end

  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    fp32_unit #(.Unit(Unit), .Bits(Bits)) u_unit (
        .clk_i, .enable_i(enable),
        .a_i(cases_q[i].a), .b_i(cases_q[i].b), .c_i(cases_q[i].c), .subtract_i(cases_q[i].c[0]),
        .y_o(y[i]), .order_o(order[i])
    );
  end
endmodule
