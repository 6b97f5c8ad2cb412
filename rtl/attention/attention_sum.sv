// attention_sum: acc[d] = acc[d] * alpha + sum over the 16 positions of p * v[d], of one q head and the dimensions of one way.
//
// A column, the 16 values of a dimension, passes multipliers and tree while it is told which column it is; then the old sum is read,
// rescaled and added; it is back in its memory before the next block reads it. A head's last block goes to the results too.
//
// Latency:       Mul + 4 Add from p_i and v_i to the sum, where read_i belongs to the cycle before; Mul + Add more to its end, where
//                end_i belongs. result_o 1 cycle after its place. A result can be read the cycle after end_i.
// Throughput:    one column a cycle.
// Back-pressure: none.
//
// Parameters:
//   MaxBeats  of a head in this way, a power of two
// Ports:
//   p_i, v_i       weights of the 16 positions and their values of one dimension
//   alpha_i        with the old sum
//   read_i         column whose old sum is wanted
//   end_i, end_valid_i  column that is at its end
//   bank_i, row_i  four columns of the results: 4 * row_i and the three behind it
module attention_sum
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned MaxBeats = 8,
    localparam int unsigned RowW = $clog2(Lanes * MaxBeats / Quad)
) (
    input  logic                  clk_i,
    input  logic [  32*Lanes-1:0] p_i,
    input  logic [  32*Lanes-1:0] v_i,
    input  logic [          31:0] alpha_i,
    input  logic [           7:0] read_i,
    input  column_t               end_i,
    input  logic                  end_valid_i,
    input  logic                  bank_i,
    input  logic [      RowW-1:0] row_i,
    output logic [Quad-1:0][31:0] result_o
);
  localparam int unsigned ColW = RowW + 2;
  localparam int unsigned Columns = Lanes * MaxBeats;

  logic [31:0] sum, sum_end, added, result, old_q;
  (* ram_style = "auto" *) logic [31:0] acc[Columns];

  attention_dot u_dot (.clk_i, .a_i(p_i), .b_i(v_i), .y_o(sum));
  fp32_mul_add u_added (.clk_i, .enable_i(1'b1), .a_i(old_q), .b_i(alpha_i), .c_i(sum), .y_o(added));
  fp32_delay #(.Cycles(MulAddLatency)) u_sum_end (.clk_i, .enable_i(1'b1), .d_i(sum), .q_o(sum_end));

  assign result = end_i.first ? sum_end : added;
  always_ff @(posedge clk_i) begin
    if (end_valid_i) acc[ColW'(end_i.col)] <= result;
    old_q <= acc[ColW'(read_i)];
  end
  for (genvar n = 0; n < Quad; n++) begin : gen_results
    (* ram_style = "distributed" *) logic [31:0] results[2<<RowW];
    logic [31:0] read_q;
    always_ff @(posedge clk_i) begin
      if (end_valid_i && end_i.last && end_i.col[1:0] == 2'(n)) results[{end_i.bank, RowW'(end_i.col >> 2)}] <= result;
      read_q <= results[{bank_i, row_i}];
    end
    assign result_o[n] = read_q;
  end
  wire unused = ^{end_i.due, read_i, end_i.col};
endmodule
